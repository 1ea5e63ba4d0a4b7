"""How a weight becomes pods and endpoints."""
