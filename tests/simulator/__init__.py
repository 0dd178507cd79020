"""The simulator keeps the gateway's reference, and its truth agrees with what it serves."""
