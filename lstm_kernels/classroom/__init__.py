"""What a class needs around the lessons: own versions from a file, their ranking, grading."""
