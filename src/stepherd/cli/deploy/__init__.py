"""``stepherd init`` and ``stepherd destroy``: asking, showing, one step after the other."""
