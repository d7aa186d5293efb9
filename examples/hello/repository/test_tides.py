import unittest
from datetime import datetime

from tides import next_high_tide


class NextHighTide(unittest.TestCase):
    def test_comes_twelve_hours_and_twenty_five_minutes_later(self) -> None:
        self.assertEqual(next_high_tide(datetime(2026, 11, 21, 6, 10)), datetime(2026, 11, 21, 18, 35))


if __name__ == "__main__":
    unittest.main()
