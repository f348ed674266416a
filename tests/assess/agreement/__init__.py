"""Numbers of other packages beside ours: each module yields rows of docs/agreement.md, one module per question."""
