"""What is measured: each file is a program that prints its figures."""
