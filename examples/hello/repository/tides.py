"""When the next high tide comes, from the last one."""

import sys
from datetime import datetime, timedelta

BETWEEN_HIGH_TIDES = timedelta(hours=12, minutes=25)


def next_high_tide(last: datetime) -> datetime:
    """The high tide after ``last``."""
    return last + BETWEEN_HIGH_TIDES


if __name__ == "__main__":
    tide = next_high_tide(datetime.fromisoformat(sys.argv[1]))
    sys.stdout.write(f"{tide:%d %B, %H:%M}\n")
