"""Tables as spreadsheets write them: CSV and TSV to rows and dates."""
