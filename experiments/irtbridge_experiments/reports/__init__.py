"""What stands in a folder of results: the tables and figures of a study, of a fit, of the paper."""
