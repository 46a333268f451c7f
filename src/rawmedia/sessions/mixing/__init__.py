"""What one listener hears of everybody, as one."""
