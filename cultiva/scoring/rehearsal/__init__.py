"""What models would have said on past dates, beside what happened then."""
