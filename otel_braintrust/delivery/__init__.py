"""The only room that opens sockets or starts threads: rows go from here to Braintrust."""
