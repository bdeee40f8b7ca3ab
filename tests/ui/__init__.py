"""What a person, SQL or sqlite-utils says."""
