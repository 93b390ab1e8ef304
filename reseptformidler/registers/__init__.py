"""What the registers outside say of organisations and health personnel: read only."""
