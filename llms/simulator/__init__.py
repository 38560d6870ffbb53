"""A provider to rehearse with: limits, faults, lanes and books of its own, seeded and scriptable.

It measures speed and reliability of whoever calls it. It says nothing about quality: no language
model answers here.
"""
