"""Kills runs at random moments, resumes them, and compares what they come to with an uninterrupted run."""
