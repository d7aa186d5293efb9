"""The services that tasks call: one module per service, each with AWS's shapes for results and failures."""
