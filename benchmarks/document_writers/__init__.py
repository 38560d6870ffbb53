"""Writers of documents: the same blocks as text, HTML, CSV, JSON, RTF, PDF, DOCX or XLSX."""
