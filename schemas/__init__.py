"""What the data is: jobs, fields, document types, tables and answers. Imports nothing else of docmill."""
