"""The exported model as serving loads it: whole, signed, with the rules of each row. Nothing of training."""
