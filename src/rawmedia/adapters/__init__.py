"""What carries calls: each adapter turns a transport into legs."""
