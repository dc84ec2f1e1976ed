"""The proof that the course is right."""

PNG = b"\x89PNG"  # how such a file begins
