"""Figures of the shape of the code, so that before and after come from one script: ``make shape``.

``before.json`` holds those from before the library. Both in one table:
``make shape SHAPE_ARGS="--against tools/shape/before.json"``.
"""
