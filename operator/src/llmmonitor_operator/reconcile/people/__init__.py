"""What people ask the operator itself: cases to judge, verdicts, erasure; each allowed, and each recorded."""
