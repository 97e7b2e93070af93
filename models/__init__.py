"""Values and rules that every room of the house speaks. Pure: no clock, no I/O."""
