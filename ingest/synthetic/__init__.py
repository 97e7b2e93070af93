"""A procedural class and a simulated classroom camera, with ground truth."""
