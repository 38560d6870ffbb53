"""What the sample documents say that no text editor can write: PDF, DOCX, XLSX and RTF files."""
