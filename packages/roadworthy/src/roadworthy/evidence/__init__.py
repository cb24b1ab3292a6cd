"""The evidence that the gates judge: measured on the project's data, its model and its code, one function per gate."""
