"""What a run looks like: one HTML file to explore (`page`), a frontier figure for a README (`figure`), transcripts and
tables in the terminal (`transcript`, `tables`, `terminal`)."""
