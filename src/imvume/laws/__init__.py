"""What does the Act say, from when? Dated rows, each with its source; no number from a statute in code."""
