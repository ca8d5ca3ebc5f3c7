"""Published claims -> a table that says which of them hold here."""
