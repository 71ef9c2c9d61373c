"""Runs the experiments of a lab on neural networks and writes its site."""
