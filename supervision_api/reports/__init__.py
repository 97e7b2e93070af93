"""What leaves Rollcall as a document: attendance as JSON and as a spreadsheet, sightings as lines."""
