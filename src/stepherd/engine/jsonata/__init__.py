"""JSONata 2.0.6, the language of expressions in Step Functions, evaluated under a budget."""
