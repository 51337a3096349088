"""What ``samebytes audit`` consists of."""
