"""The values of the standard and the life of a prescription. Pure: no I/O, no await, no clock, no randomness."""
