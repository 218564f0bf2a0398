"""Tests, in folders like those of the code; what several need is in `helpers`."""
