"""Find it, play it, keep it so long, destroy it properly."""
