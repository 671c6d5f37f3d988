"""What training minimises: pure functions of tensors, and the objectives built on them."""
