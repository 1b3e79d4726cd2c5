"""What venues answer, by the fields their documentation names, with values of our own: one order, one execution."""
