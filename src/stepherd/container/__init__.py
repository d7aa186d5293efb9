"""The image's entry point: ``python -m stepherd.container [COMMAND…]``.

    variables    the environment of a container as a request
    pipeline     the whole pipeline inside one container, on the embedded engine
    lines, logs  what it prints of the run, and of what its tasks write

With a command it becomes that command: so ECS and ``stepherd run --runner`` start a step. Without one, and
with PROCESS_REQUIREMENTS=true, it runs the whole pipeline, as the container did that Stepherd replaces.
"""
