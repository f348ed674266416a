"""Write the page: ``PYTHONPATH=tests/assess python -m agreement``."""

from agreement.page import PAGE, sections, written

if __name__ == "__main__":
    found = sections()
    print("\n".join(row.fault for rows in found.values() for row in rows if row.fault))
    PAGE.write_text(written(found))
