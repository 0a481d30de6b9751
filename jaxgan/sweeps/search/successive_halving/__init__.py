"""Synchronous successive halving: at each rung all trials are compared with all."""
