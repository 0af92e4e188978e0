"""Runs of the model that leave sums behind, one file for each thing that methods need. All of it needs torch."""
