"""Which model predicts new persons better?"""
