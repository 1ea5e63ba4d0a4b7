"""`fetch`: the first container of a trial, an evaluation and a serving pod."""
