"""The maths of the reference profile. Pure numpy: arrays in, contract records out."""
