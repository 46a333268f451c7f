"""Engines that hear one language and say another, behind one protocol."""
