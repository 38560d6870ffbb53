"""What the data is: jobs, fields, document types, tables, answers; imports nothing of docmill."""
