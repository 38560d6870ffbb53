"""What do others publish of models, and how does one catalog come out of it?"""
