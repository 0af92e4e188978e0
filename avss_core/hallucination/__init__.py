"""What happens inside a model when it makes something up. No torch here: what runs a network is imported by name."""
