"""DriftMonitor, pure: what was observed -> what is to be done."""
