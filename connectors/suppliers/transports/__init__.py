"""How documents travel: none of these knows what is in them."""
