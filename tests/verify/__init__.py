"""Have two replicas the same content?"""
