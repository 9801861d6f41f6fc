"""The results as static pages."""
